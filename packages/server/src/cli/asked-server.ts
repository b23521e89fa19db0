import type { ServerPlace } from "./find-server.ts"
import type { Terminal } from "./terminal.ts"

/** Which server a command has turned to: errors come up without it, and what helps depends on it. */
const places = new WeakMap<Terminal, ServerPlace>()

export function rememberPlace(terminal: Terminal, place: ServerPlace): void {
  places.set(terminal, place)
}

/** undefined where it has asked none. */
export function placeOf(terminal: Terminal): ServerPlace | undefined {
  return places.get(terminal)
}
