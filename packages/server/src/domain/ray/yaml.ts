import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from "yaml"
import type { Json, JsonObject } from "../../kit/json.ts"

export type Yaml =
  | { readonly ok: true; readonly value: Json }
  /** Nothing of the text is in it: there may be secrets in it. Line and column from 1. */
  | { readonly ok: false; readonly what: string; readonly line: number; readonly column: number }

export interface YamlOptions {
  /** Whether `<<` takes over what another mapping has. */
  readonly merges: boolean
}

/** The parser takes a time for each: half a second for all of them, in which nobody else is served. */
const mostTokens = 20_000
/** That it may stand for: a few lines of aliases can stand for gigabytes. */
const mostValues = 20_000

/** What was read, and how many values are in it: what is named again counts again. */
interface Part {
  readonly value: Json
  readonly size: number
}

class Fault extends Error {
  readonly offset: number

  constructor(what: string, node: Node | null | undefined) {
    super(what)
    this.offset = node?.range?.[0] ?? 0
  }
}

/**
 * One document of YAML as JSON. Total, and never slow: keys are scalars, each is there once, and what it stands for is
 * bounded.
 * @param text of at most some 100 KiB
 */
export function readYaml(text: string, options: YamlOptions): Yaml {
  const lines = new LineCounter()
  const refused = (what: string, offset: number): Yaml => {
    const { line, col } = lines.linePos(offset)
    return { ok: false, what, line, column: col }
  }
  if (hasTooManyTokens(text)) return { ok: false, what: "too many values", line: 1, column: 1 }
  try {
    const document = parseDocument(text, {
      logLevel: "silent",
      prettyErrors: false,
      lineCounter: lines,
      // its own look compares each key with each other one
      uniqueKeys: false,
      merge: options.merges,
    })
    const [error] = document.errors
    if (error) return refused(error.code.toLowerCase().replaceAll("_", " "), error.pos[0])
    return { ok: true, value: createReader()(document.contents).value }
  } catch (thrown) {
    if (thrown instanceof Fault) return refused(thrown.message, thrown.offset)
    // the parser calls itself for what is in something else
    return refused("nested too deeply", 0)
  }
}

function hasTooManyTokens(text: string): boolean {
  let count = 0
  for (const _ of new Lexer().lex(text)) if (++count > mostTokens) return true
  return false
}

/** The library's own way takes time without a bound for mappings that are keys, and for what takes over others. */
function createReader(): (node: unknown) => Part {
  /** By name, the last one so far: a part that is being read is not there yet. */
  const anchors = new Map<string, Part>()
  let left = mostValues

  function read(node: unknown): Part {
    const part = partOf(node)
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined
    if (anchor !== undefined) anchors.set(anchor, part)
    return part
  }

  function take(size: number, node: Node | null): number {
    left -= size
    if (left < 0) throw new Fault("too many values", node)
    return size
  }

  function partOf(node: unknown): Part {
    if (isAlias(node)) {
      const found = anchors.get(node.source)
      if (!found) throw new Fault("alias to nothing", node)
      take(found.size, node)
      return found
    }
    if (isMap(node)) return mapping(node.items, take(1, node))
    if (isSeq(node)) {
      const own = take(1, node)
      const parts = node.items.map(read)
      return { value: parts.map(({ value }) => value), size: sum(own, parts) }
    }
    return { value: isScalar(node) ? jsonOf(node.value) : null, size: take(1, null) }
  }

  function mapping(pairs: readonly Pair[], own: number): Part {
    const entries = new Map<string, Part>()
    const others: JsonObject[] = []
    for (const { key, value } of pairs) {
      const name = keyOf(key)
      const part = read(value)
      if (name === null) others.push(...mappingsIn(part, key))
      else if (entries.has(name)) throw new Fault("duplicate key", key as Node)
      else entries.set(name, part)
    }
    for (const [name, value] of others.flatMap((other) => Object.entries(other)))
      if (!entries.has(name)) entries.set(name, { value, size: sizeOf(value) })
    const value = Object.fromEntries([...entries].map(([name, part]) => [name, part.value]))
    return { value, size: sum(own, [...entries.values()]) }
  }

  /** null: it says that others are taken over */
  function keyOf(key: unknown): string | null {
    if (!isScalar(key)) throw new Fault("key that is no scalar", key as Node | null)
    const { value } = key
    if (typeof value === "symbol") return null
    if (key.anchor !== undefined) read(key)
    return typeof value === "string" ? value : value === null ? "" : JSON.stringify(value)
  }

  function mappingsIn({ value }: Part, key: unknown): readonly JsonObject[] {
    const all = Array.isArray(value) ? (value as readonly Json[]) : [value]
    return all.map((each) => {
      if (typeof each === "object" && each !== null && !Array.isArray(each)) return each as JsonObject
      throw new Fault("merge of what is no mapping", key as Node)
    })
  }

  return read
}

function sum(own: number, parts: readonly Part[]): number {
  return parts.reduce((all, { size }) => all + size, own)
}

/** Of what was taken over: its values are counted where they were named. */
function sizeOf(value: Json): number {
  if (typeof value !== "object" || value === null) return 1
  return Object.values(value).reduce<number>((all, each) => all + sizeOf(each), 1)
}

/** As JSON has it: there are no numbers without end. */
function jsonOf(value: unknown): Json {
  if (typeof value === "number") return Number.isFinite(value) ? value : null
  return typeof value === "string" || typeof value === "boolean" ? value : null
}
