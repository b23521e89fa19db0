import { describe, expect, it } from "vitest"
import { createAddressRules, isNetwork } from "./probe-rules.ts"

describe("addresses that may be probed", () => {
  const closed =
    "0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.64.0.1 169.254.169.254 168.63.129.16 172.31.255.255 " +
    "192.168.0.1 192.0.0.1 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::127.0.0.1 " +
    "0:0:0:0:0:ffff:a9fe:a9fe fe80::1 fe80::1%lo fc00::1 fd00:ec2::254 ff02::1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: " +
    "2001::1 2001:db8::1 100::1 fec0::1 nothing"
  it.each(closed.split(" "))("%s is not of the internet", (address) => {
    expect(createAddressRules([]).allows("a.test", address)).toBe(false)
  })
  it.each("1.1.1.1 172.32.0.1 100.128.0.1 ::ffff:1.1.1.1 2606:4700::1111".split(" "))("%s is", (address) => {
    expect(createAddressRules([]).allows("a.test", address)).toBe(true)
  })

  it("are those that are listed too, by network, by address and by name", () => {
    const rules = createAddressRules(["10.1.0.0/16", "192.168.0.7", "fd00::/8", "models.internal"])
    expect(rules.allows("a", "10.1.255.1")).toBe(true)
    expect(rules.allows("a", "::ffff:10.1.255.1")).toBe(true)
    expect(rules.allows("a", "10.2.0.1")).toBe(false)
    expect(rules.allows("a", "192.168.0.7")).toBe(true)
    expect(rules.allows("a", "192.168.0.8")).toBe(false)
    expect(rules.allows("a", "fd12::1")).toBe(true)
    expect(rules.allows("Models.Internal.", "10.9.0.1")).toBe(true)
    expect(rules.allows("x.models.internal", "10.9.0.1")).toBe(false)
  })

  it("are told from names", () => {
    expect(["10.0.0.0/8", "::1", "fd00::/128", "1.2.3.4/32"].every(isNetwork)).toBe(true)
    expect(["a", "10.0.0.0/33", "1.2.3.4/", "a/8", "1.2.3.4/8/8", "fe80::1%lo"].some(isNetwork)).toBe(false)
  })
})
