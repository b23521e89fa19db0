import { connect, type Socket } from "node:net"
import type { Clock } from "../../kit/clock.ts"

/** A connection that is being made. */
export interface Dialled {
  readonly socket: Socket
  /** false: refused, or not accepted in time; then the socket is destroyed. Never rejects. */
  readonly isConnected: Promise<boolean>
}

/** Connects within a time. */
export function dial(
  clock: Clock,
  address: { readonly ip: string; readonly port: number },
  withinMs: number,
): Dialled {
  const socket = connect({
    host: address.ip,
    port: address.port,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: false,
  })
  socket.on("error", () => undefined) // its close tells all there is
  const isConnected = new Promise<boolean>((resolve) => {
    const cancel = clock.alarm(withinMs, () => socket.destroy())
    const settle = (isMade: boolean) => {
      cancel()
      resolve(isMade)
    }
    socket.once("connect", () => settle(true))
    socket.once("close", () => settle(false))
  })
  return { socket, isConnected }
}

/**
 * Passes on what either says, and that it has said all (half-close); a slow reader slows the writer. What breaks one
 * breaks the other: a cut answer must not look like a whole one.
 */
export function joinSockets(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.once("close", (hadError: boolean) => {
      if (hadError || !from.readableEnded) to.resetAndDestroy()
    })
    from.pipe(to)
    if (from.destroyed) to.resetAndDestroy()
  }
}
