import { systemClock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { HeldSnapshot } from "../session.ts"
import type { Pool } from "./pool.ts"
import { answersTo, readFault } from "./reads.ts"

/** A table that is being cleaned keeps what a snapshot still sees. */
const longestHoldMs = 30_000

/** A transaction that reads, for as long as it is held. */
export async function holdSnapshot(pool: Pool): Promise<HeldSnapshot> {
  const lease = await pool.acquire()
  const { connection } = lease
  let isOver = false
  let reading: Promise<unknown> = Promise.resolve()

  async function letGo() {
    await reading.catch(() => undefined)
    // one that cannot end its transaction is of no use to the next
    if (!connection.isLost) await connection.script("commit").catch(() => connection.cut())
    lease.release()
  }
  const release = () => {
    if (isOver) return
    isOver = true
    cancel()
    void letGo()
  }
  // Real time: what is measured is somebody who reads.
  const cancel = systemClock.alarm(longestHoldMs, release)
  try {
    await connection.script("begin isolation level repeatable read read only")
  } catch (error) {
    connection.cut()
    release()
    throw readFault(error)
  }
  return {
    scan(queries) {
      if (isOver)
        return Promise.reject(
          new AppError("unavailable", "The list was read too slowly.", { detail: "read_too_long" }),
        )
      const answers = answersTo(connection, queries).catch((error: unknown) => {
        throw readFault(error)
      })
      reading = answers
      return answers
    },
    release,
  }
}
