import { AppError } from "../../../kit/errors.ts"
import type { Limits } from "../../plugins/limits.ts"
import type { Callers, SurfaceCall } from "./callers.ts"
import { refusal } from "./unary.ts"

/** A call of reflection or health that stays open. */
interface StreamCall extends SurfaceCall {
  end(): void
  on(event: "close" | "cancelled", listener: () => void): unknown
  emit(event: "error", error: object): boolean
}

/** Handlers of streams, of another package: they take a call and answer it as long as it lasts. */
export type StreamHandler = (call: StreamCall) => void

/** Streams that are open, so that they can be counted and ended. */
export interface OpenStreams {
  /**
   * Lets a handler have a call only after the checks.
   * @param needsCaller whether it must be known who calls
   */
  guard(handle: StreamHandler, needsCaller: boolean): StreamHandler
  /** Ends all that are open; later ones are refused. */
  close(): void
}

/** @param most open at once */
export function createOpenStreams(callers: Callers, limits: Limits, most: number): OpenStreams {
  const open = new Set<StreamCall>()

  async function begin(handle: StreamHandler, needsCaller: boolean, call: StreamCall): Promise<void> {
    const caller = callers.callerOf(call)
    try {
      callers.checkWay(call)
      if (needsCaller) await callers.admit(call, caller, () => {})
      if (open.size >= most)
        throw new AppError("too_many", `There are ${most} open streams already.`, { detail: "streams" })
    } catch (thrown) {
      call.emit("error", refusal(limits.failed(AppError.from(thrown), caller.address), caller))
      return
    }
    const forget = () => open.delete(call)
    open.add(call)
    call.on("cancelled", forget)
    call.on("close", forget)
    handle(call)
  }
  return {
    guard: (handle, needsCaller) => (call) => void begin(handle, needsCaller, call),
    close() {
      for (const call of open) call.end()
      open.clear()
    },
  }
}
