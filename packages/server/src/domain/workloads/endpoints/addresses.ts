import { sha256Hex } from "../../../kit/sha256.ts"

/** Ports that a service of type NodePort answers on (reference/workloads.md 2.8). */
export const nodePorts = { first: 30_000, last: 32_767 } as const

/** Addresses of one pool, told apart by their index. */
interface Pool<T> {
  readonly size: number
  at(index: number): T
}

/** 127.65.0.1 to 127.65.255.254: pods have 127.64.0.0/16. */
export const clusterIpPool: Pool<string> = {
  size: 256 * 254,
  at: (index) => `127.65.${Math.floor(index / 254)}.${(index % 254) + 1}`,
}

export const nodePortPool: Pool<number> = {
  size: nodePorts.last - nodePorts.first + 1,
  at: (index) => nodePorts.first + index,
}

/**
 * The `nth` address that is tried for a key, from 0. Spread by a hash: two servers of one machine seldom meet,
 * and an address that has just become free is seldom the next one that is given out.
 */
export function candidate<T>(pool: Pool<T>, key: string, nth: number): T {
  return pool.at(indexFor(pool, key, nth))
}

/** The first address, from where the key's hash points, that is not used; undefined when all are. */
export function firstFree<T>(pool: Pool<T>, key: string, used: ReadonlySet<T>): T | undefined {
  const start = indexFor(pool, key, 0)
  for (let step = 0; step < pool.size; step++) {
    const address = pool.at((start + step) % pool.size)
    if (!used.has(address)) return address
  }
  return undefined
}

function indexFor(pool: Pool<unknown>, key: string, nth: number): number {
  return Number.parseInt(sha256Hex(`${key}:${nth}`).slice(0, 12), 16) % pool.size
}
