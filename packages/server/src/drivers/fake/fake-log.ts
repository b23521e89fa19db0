import type { LogChunk, LogQuery } from "../../domain/workloads/index.ts"
import type { FakePod } from "./fake-pod.ts"

interface Line {
  readonly text: string
  readonly atMono: number
  /** Where it begins. */
  readonly offset: number
  readonly endOffset: number
}

/** What a fake pod has printed by now, as the log of a real one would be read. */
export interface FakeLog {
  /** Appends a line by hand, after whatever the program has printed by then. */
  print(text: string, atMono: number): void
  read(query: LogQuery, mono: number, wallOffsetMs: number): LogChunk
  /** When it last printed by then; undefined for never. */
  lastLineMono(mono: number): number | undefined
  /** When the program prints next; Infinity for never. */
  nextLineMono(mono: number): number
}

export function createFakeLog(pod: FakePod): FakeLog {
  const byHand: { readonly text: string; readonly atMono: number }[] = []

  function linesBy(mono: number): readonly Line[] {
    const last = Math.min(mono, pod.end?.atMono ?? Infinity)
    const printed = (pod.program.lines ?? [])
      .map(({ afterMs, text }) => ({ text, atMono: pod.startMono + afterMs }))
      .concat(byHand)
      .filter(({ atMono }) => atMono <= last)
      .sort((a, b) => a.atMono - b.atMono)
    let offset = 0
    return printed.map(({ text, atMono }) => {
      const line = { text, atMono, offset, endOffset: offset + Buffer.byteLength(text) + 1 }
      offset = line.endOffset
      return line
    })
  }

  return {
    print(text, atMono) {
      for (const line of text.split("\n")) byHand.push({ text: line, atMono })
    },
    read(query, mono, wallOffsetMs) {
      const lines = linesBy(mono)
      const size = lines.at(-1)?.endOffset ?? 0
      const { fromOffset, sinceMs, tailLines } = query
      if (fromOffset !== null) {
        const found = lines.filter(({ offset }) => offset >= fromOffset)
        return cut(found, query.maxBytes, "first", Math.min(Math.max(0, fromOffset), size))
      }
      const since = lines.filter(({ atMono }) => sinceMs === null || atMono + wallOffsetMs >= sinceMs)
      const tail = tailLines === null ? since : tailLines === 0 ? [] : since.slice(-tailLines)
      return cut(tail, query.maxBytes, "last", size)
    },
    lastLineMono(mono) {
      const by = Math.min(mono, pod.end?.atMono ?? Infinity)
      let last: number | undefined
      const see = (atMono: number) => {
        if (atMono <= by && atMono > (last ?? -Infinity)) last = atMono
      }
      for (const { afterMs } of pod.program.lines ?? []) see(pod.startMono + afterMs)
      for (const { atMono } of byHand) see(atMono)
      return last
    },
    nextLineMono(mono) {
      const end = pod.end?.atMono ?? Infinity
      for (const { afterMs } of pod.program.lines ?? []) {
        const at = pod.startMono + afterMs
        if (at > mono) return at <= end ? at : Infinity
      }
      return Infinity
    },
  }
}

function cut(
  lines: readonly Line[],
  maxBytes: number,
  keep: "first" | "last",
  emptyOffset: number,
): LogChunk {
  const kept: Line[] = []
  let bytes = 0
  for (const line of keep === "first" ? lines : lines.toReversed()) {
    bytes += line.endOffset - line.offset
    if (bytes > maxBytes && kept.length > 0) break
    kept.push(line)
  }
  if (keep === "last") kept.reverse()
  return {
    lines: kept.map(({ text }) => text),
    nextOffset: kept.at(-1)?.endOffset ?? emptyOffset,
    droppedBytes: 0,
  }
}
