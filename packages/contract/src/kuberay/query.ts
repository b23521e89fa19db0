import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf"
import { ScalarType } from "@bufbuild/protobuf"
import type { WireResult } from "./json/fault.ts"
import { caught, JsonFault } from "./json/fault.ts"
import type { KuberayRoute, KuberayRouteName } from "./routes.ts"
import { kuberayRoutes } from "./routes.ts"

type RequestOf<Name extends KuberayRouteName> = MessageShape<(typeof kuberayRoutes)[Name]["rpc"]["input"]>

/**
 * What a raw query (without `?`) fills of a request, or the words of its first fault. Fields go by either spelling; of
 * both the later counts. Unknown parameters are ignored, and any query where the route takes none.
 */
export function decodeQuery<Name extends KuberayRouteName>(
  name: Name,
  raw: string,
): WireResult<Partial<RequestOf<Name>>> {
  const route: KuberayRoute = kuberayRoutes[name]
  if (!route.query) return { ok: true, value: {} }
  const takes = route.query
  return caught(() => {
    const filled: Record<string, unknown> = {}
    for (const [key, values] of parameters(raw)) fill(route.rpc.input, takes, key, values, filled)
    return filled as Partial<RequestOf<Name>>
  })
}

/** Values by key, in the order in which keys come first. */
function parameters(raw: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  if (raw.includes(";")) throw new JsonFault("invalid semicolon separator in query")
  for (const part of raw.split("&").filter((part) => part !== "")) {
    const equals = part.indexOf("=")
    const key = unescaped(equals < 0 ? part : part.slice(0, equals))
    const value = equals < 0 ? "" : unescaped(part.slice(equals + 1))
    const values = found.get(key)
    if (values) values.push(value)
    else found.set(key, [value])
  }
  return found
}

function unescaped(text: string): string {
  const bad = /%(?![0-9a-fA-F]{2})/.exec(text)
  if (bad) {
    throw new JsonFault(`invalid URL escape ${JSON.stringify(text.slice(bad.index, bad.index + 3))}`)
  }
  const spaced = text.replaceAll("+", " ")
  try {
    return decodeURIComponent(spaced)
  } catch {
    // Not UTF-8: read byte by byte, half characters become U+FFFD.
    const bytes = new TextEncoder().encode(spaced)
    return new TextDecoder().decode(Uint8Array.from(percentDecoded(bytes)))
  }
}

function* percentDecoded(bytes: Uint8Array): Generator<number> {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte === 0x25) {
      yield Number.parseInt(String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0), 16)
      at += 2
    } else yield byte
  }
}

function fill(
  desc: DescMessage,
  takes: readonly string[],
  key: string,
  values: readonly string[],
  filled: Record<string, unknown>,
): void {
  // `field[key]=value` is how the value of a map is said: here it is one value too many.
  const indexed = /^(.*)\[(.*)\]$/s.exec(key)
  const path = (indexed?.[1] ?? key).split(".")
  const given = indexed ? [indexed[2] ?? "", ...values] : values
  const field = desc.fields.find(
    (field) => takes.includes(field.name) && [field.name, field.jsonName].includes(path[0] ?? ""),
  )
  if (!field) return
  if (path.length > 1) throw new JsonFault(`invalid path: ${JSON.stringify(path[0])} is not a message`)
  if (given.length > 1) {
    throw new JsonFault(`too many values for field ${JSON.stringify(field.name)}: ${given.join(", ")}`)
  }
  filled[field.localName] = valueOf(field, given[0] ?? "")
}

function valueOf(field: DescField, text: string): string | bigint | number {
  if (field.scalar === ScalarType.STRING) return text
  const isLong = field.scalar === ScalarType.INT64
  const integer = parseInteger(field, text, isLong ? 64n : 32n)
  return isLong ? integer : Number(integer)
}

function parseInteger(field: DescField, text: string, bits: bigint): bigint {
  const fault = (why: string): JsonFault =>
    new JsonFault(
      `parsing field ${JSON.stringify(field.name)}: strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`,
    )
  if (!/^[+-]?[0-9]+$/.test(text)) throw fault("invalid syntax")
  const digits = text.replace(/^[+-]?0*/, "")
  // Of what is longer the value need not be known.
  if (digits.length > 20) throw fault("value out of range")
  const value = BigInt(text.replace(/^\+/, ""))
  if (value !== BigInt.asIntN(Number(bits), value)) throw fault("value out of range")
  return value
}
