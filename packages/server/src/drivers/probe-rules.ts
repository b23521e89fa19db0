import { BlockList, isIP } from "node:net"

/** Which addresses may be probed. */
export interface AddressRules {
  /** @param host as the URL has it: a name may be allowed whatever its addresses are */
  allows(host: string, address: string): boolean
}

/** A network as `10.0.0.0/8`, an address, or a host name. */
export type AllowEntry = string

/** Not of the internet: RFC 6890 and its registry. Whoever may write a record must not reach these by it. */
const closed4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
]
/** Clouds answer there too, though the addresses are public. */
const metadata4 = ["100.100.100.200/32", "168.63.129.16/32"]
/** What is routed at all; within it, what leads to other addresses (6to4, Teredo) or is for documents. */
const open6 = "2000::/3"
const closed6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]

/**
 * Public addresses, and what is listed.
 * @param allow networks, addresses, host names in lower case (with all of their addresses)
 */
export function createAddressRules(allow: readonly AllowEntry[]): AddressRules {
  const closed = listOf([...closed4, ...metadata4, ...closed6])
  const routed = listOf([open6])
  const listed = listOf(allow.filter(isNetwork))
  const hosts = new Set(allow.filter((entry) => !isNetwork(entry)))
  return {
    allows(host, address) {
      const plain = unmapped(address)
      const family = isIP(plain)
      if (family === 0) return false
      if (hosts.has(host.toLowerCase().replace(/\.$/, "")) || has(listed, plain)) return true
      return !has(closed, plain) && (family === 4 || has(routed, plain))
    },
  }
}

/** Whether it is an address or a network in CIDR form. */
export function isNetwork(entry: string): boolean {
  const [address = "", bits, ...more] = entry.split("/")
  const family = isIP(address)
  if (family === 0 || more.length > 0 || address.includes("%")) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** `::ffff:a.b.c.d` is a.b.c.d to the machine that connects. */
function unmapped(address: string): string {
  if (isIP(address) !== 6 || address.includes("%")) return address
  const host = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host)
  if (!match) return address
  const [high, low] = [Number.parseInt(match[1] ?? "", 16), Number.parseInt(match[2] ?? "", 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join(".")
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = "", bits] = network.split("/")
    const family = isIP(address) === 4 ? "ipv4" : "ipv6"
    list.addSubnet(address, Number(bits ?? (family === "ipv4" ? 32 : 128)), family)
  }
  return list
}

function has(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6")
}
