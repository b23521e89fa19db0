import { readFileSync } from "node:fs"
import { BerthError, isUnreachable } from "@berth/sdk"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { exitCodes } from "../exit-codes.ts"
import { podsGoOn } from "../human.ts"
import { writeDone } from "../output.ts"
import { pause } from "../patience.ts"
import type { Terminal } from "../terminal.ts"

/** `berth down`: shuts the server down and waits until it is; pods go on unless `pods`. */
export async function down(
  terminal: Terminal,
  options: CommonOptions & { readonly pods?: boolean },
): Promise<void> {
  const session = await connect(terminal, options)
  checkMeant(session)
  const { podsLeft } = await session.client.berth.stopServer(options.pods === true, { timeoutMs: 900_000 })
  await untilGone(session)
  const left =
    podsLeft === 0
      ? "No pods are left."
      : `${podsGoOn(podsLeft)}; the next \`berth up\` on the same data directory takes them over.`
  await writeDone(terminal, session.form, `The server is down. ${left}`, { podsLeft })
}

/** Whoever has signed in somewhere and means the server of this machine must not end that of a team. */
function checkMeant({ place }: Session): void {
  if (place.isLoopback || !place.isLastLogin) return
  throw usageError(
    `${place.url} is where you signed in last, and not on this machine.`,
    `If you mean that one: berth down --server ${place.url}`,
  )
}

const longestWaitMs = 660_000
const lookMs = 200

/** It is down when nothing answers any more, and its process is gone where that can be seen. */
async function untilGone(session: Session): Promise<void> {
  const startedAt = performance.now()
  const signal = new AbortController().signal
  while (await isThere(session)) {
    if (performance.now() - startedAt > longestWaitMs)
      throw new CliError(
        "The server was told to stop but still answers.",
        "Its log says what it waits for.",
        exitCodes.failure,
      )
    await pause(lookMs, signal)
  }
}

async function isThere(session: Session): Promise<boolean> {
  const pid = session.place.runFile?.pid
  if (pid !== undefined && session.place.dataDir !== null) return isAlive(pid)
  try {
    await session.client.berth.status({ timeoutMs: 5000 })
    return true
  } catch (error) {
    return error instanceof BerthError && (!isUnreachable(error) || error.code === "timeout")
  }
}

/** A process that has ended but was not waited for yet (state Z) is gone. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2))
  } catch {
    return false
  }
}
