import { createHash } from "node:crypto"
import { createServer } from "node:net"
import { AppError } from "../../kit/errors.ts"

const firstPort = 20_000
const ports = 10_000
const hosts = 256 * 254

/** Loopback addresses and rendezvous ports of live attempts: none is given twice at once. */
export interface Addresses {
  /** An address of 127.64.0.0/16 that no live pod has. @throws AppError `unavailable` when there is none */
  takeIp(): string
  /**
   * A port of 20000–29999 that no live attempt has and that can be bound on `ip` now.
   * @throws AppError `unavailable` when none of 100 candidates is free
   */
  takePort(ip: string): Promise<number>
  /** Marks what a recovered attempt has. */
  keep(ips: readonly string[], port: number): void
  giveBack(ips: readonly string[], port: number): void
}

/** @param seed spreads the servers of one machine, so that they seldom give out the same address */
export function createAddresses(
  seed: string,
  isFree: (ip: string, port: number) => Promise<boolean> = canBind,
): Addresses {
  const spread = createHash("sha256").update(seed).digest()
  let nextHost = spread.readUInt32BE(0) % hosts
  let nextPort = spread.readUInt32BE(4) % ports
  const usedIps = new Set<string>()
  const usedPorts = new Set<number>()

  async function takePort(ip: string): Promise<number> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const port = firstPort + nextPort
      nextPort = (nextPort + 1) % ports
      if (usedPorts.has(port)) continue
      usedPorts.add(port) // before the wait, or two attempts could take it
      if (await isFree(ip, port)) return port
      usedPorts.delete(port)
    }
    throw new AppError("unavailable", "No free port from 20000 to 29999 was found for the pods to meet on.")
  }

  return {
    takeIp() {
      for (let attempt = 0; attempt < hosts; attempt++) {
        const ip = `127.64.${Math.floor(nextHost / 254)}.${(nextHost % 254) + 1}`
        nextHost = (nextHost + 1) % hosts
        if (usedIps.has(ip)) continue
        usedIps.add(ip)
        return ip
      }
      throw new AppError("unavailable", "All loopback addresses for pods are taken.")
    },
    takePort,
    keep(ips, port) {
      for (const ip of ips) usedIps.add(ip)
      usedPorts.add(port)
    },
    giveBack(ips, port) {
      for (const ip of ips) usedIps.delete(ip)
      usedPorts.delete(port)
    },
  }
}

/** Whether a program could listen there now. */
export function canBind(ip: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen({ host: ip, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
