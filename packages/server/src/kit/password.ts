import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import { AppError } from "./errors.ts"
import { createFairTurns } from "./fair-turns.ts"

/** Turns passwords into what may be kept, and checks them; off the event loop, a few at a time. */
export interface PasswordHasher {
  /**
   * Its parameters and its own salt are in it.
   * @param from who asks, such as an address: those who wait have turns about
   * @throws AppError `too_many` when too many wait
   */
  hash(password: string, from: string): Promise<string>
  /**
   * @param hash undefined: there is none, and finding that takes as long
   * @param from as `hash`
   * @returns false too for a text that is no hash of ours
   * @throws AppError `too_many` when too many wait
   */
  verify(password: string, hash: string | undefined, from: string): Promise<boolean>
}

/** What OWASP gives for scrypt with 32 MiB: 2^15, 8, 3. */
const cost = 2 ** 15
const blockSize = 8
const parallelization = 3
const saltBytes = 16
const hashBytes = 32
/** Each takes 32 MiB and a thread of the pool, which files and names need too. */
const mostAtOnce = 2
const mostWaiting = 64
const form = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/

/** @param options.cost a power of two; tests take a small one */
export function createPasswordHasher(options: { readonly cost?: number } = {}): PasswordHasher {
  const ownCost = options.cost ?? cost
  const turns = createFairTurns({ atOnce: mostAtOnce, mostWaiting }, tooMany)

  const nothing = { cost: ownCost, blockSize, parallelization, salt: Buffer.alloc(saltBytes) }
  return {
    hash: (password, from) =>
      turns.take(from, async () => {
        const salt = randomBytes(saltBytes)
        const key = await derive(password, { cost: ownCost, blockSize, parallelization, salt })
        const parts = [
          ownCost,
          blockSize,
          parallelization,
          salt.toString("base64url"),
          key.toString("base64url"),
        ]
        return `scrypt$${parts.join("$")}`
      }),
    verify: (password, hash, from) =>
      turns.take(from, async () => {
        const known = parse(hash ?? "")
        const key = await derive(password, known ?? nothing)
        return known !== undefined && timingSafeEqual(key, known.key)
      }),
  }
}

function tooMany(): AppError {
  return new AppError("too_many", "Too many people sign in at once; try again in a moment.", {
    detail: "sign_ins",
    retryAfterMs: 1000,
  })
}

interface Parameters {
  readonly cost: number
  readonly blockSize: number
  readonly parallelization: number
  readonly salt: Buffer
}

function parse(hash: string): (Parameters & { readonly key: Buffer }) | undefined {
  const [, n = "", r = "", p = "", salt = "", key = ""] = form.exec(hash) ?? []
  if (key === "") return undefined
  return {
    cost: Number(n),
    blockSize: Number(r),
    parallelization: Number(p),
    salt: Buffer.from(salt, "base64url"),
    key: Buffer.from(key, "base64url"),
  }
}

/** Letters that look alike however they were typed are the same (NFKC). */
function derive(
  password: string,
  { cost: N, blockSize: r, parallelization: p, salt }: Parameters,
): Promise<Buffer> {
  const options = { N, r, p, maxmem: 256 * N * r }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, hashBytes, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}
