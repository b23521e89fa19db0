import { isIPv6 } from "node:net"

/**
 * What an address counts as where somebody is held to a measure: itself; of IPv6 its first 64 bits, mapped IPv4 aside, for
 * one machine has as many of them as it likes.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1]) return mapped[1]
  return isIPv6(address) ? firstGroups(address) : address
}

/** `2001:db8::1` → `2001:db8:0:0`. */
function firstGroups(address: string): string {
  const [plain = ""] = address.split("%", 1)
  const [head = "", tail] = plain.split("::")
  const before = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0")
  return [...before, ...zeros, ...after].slice(0, 4).join(":")
}
