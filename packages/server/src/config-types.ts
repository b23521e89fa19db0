import { isIP } from "node:net"
import { isAbsolute, normalize } from "node:path"

/** What parsing gives: the value, or a sentence that says what would be right. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string }

/** How values of one type are read, shown and documented. `parse` is total: it takes anything and never throws. */
export interface ConfigType<T> {
  /** Accepts text (flag, environment) as well as what YAML gives. */
  parse(raw: unknown): Parsed<T>
  /** As a person would type it. */
  format(value: T): string
  /** For help and documents: `HOST:PORT`, `true|false`. */
  readonly syntax: string
  readonly isList: boolean
  readonly isSwitch: boolean
}

const fail = (message: string): Parsed<never> => ({ ok: false, message })
const good = <T>(value: T): Parsed<T> => ({ ok: true, value })
const quoted = (raw: unknown): string => {
  const text = typeof raw === "string" ? raw : (JSON.stringify(raw) ?? String(raw))
  return `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}"`
}

function single<T>(syntax: string, parse: (raw: unknown) => Parsed<T>, format: (value: T) => string) {
  return { parse, format, syntax, isList: false, isSwitch: false } satisfies ConfigType<T>
}

const control = /[\u0000-\u001f\u007f]/

function asText(raw: unknown): Parsed<string> {
  if (typeof raw !== "string") return fail(`must be text, not ${quoted(raw)}`)
  const text = raw.trim()
  if (text === "") return fail("must not be empty")
  if (control.test(text)) return fail("must not hold control characters")
  return good(text)
}

/** Non-empty text, trimmed. */
export function textType(syntax: string): ConfigType<string> {
  return single(syntax, asText, String)
}

/** Text, or null where it is not given. */
export function optionalTextType(syntax: string): ConfigType<string | null> {
  return single<string | null>(
    syntax,
    (raw) => (raw === null ? good(null) : asText(raw)),
    (value) => value ?? "",
  )
}

const words: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  yes: true,
  no: false,
  on: true,
  off: false,
  "1": true,
  "0": false,
}

/** `true` or `false`; also yes, no, on, off, 1, 0. */
export const switchType: ConfigType<boolean> = {
  syntax: "true|false",
  isList: false,
  isSwitch: true,
  format: String,
  parse(raw) {
    if (typeof raw === "boolean") return good(raw)
    const word = typeof raw === "string" || typeof raw === "number" ? String(raw).trim().toLowerCase() : ""
    const value = Object.hasOwn(words, word) ? words[word] : undefined
    return value === undefined ? fail(`must be true or false, not ${quoted(raw)}`) : good(value)
  },
}

export interface NumberBounds {
  readonly min: number
  readonly max: number
  readonly whole: boolean
}

/** A number in bounds, both included. */
export function numberType(bounds: NumberBounds): ConfigType<number> {
  const { min, max, whole } = bounds
  const wanted = `must be a ${whole ? "whole " : ""}number from ${min} to ${max}`
  return single(
    `${min}–${max}`,
    (raw) => {
      const text = typeof raw === "number" ? String(raw) : typeof raw === "string" ? raw.trim() : ""
      const value = /^-?\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
      const fits = value >= min && value <= max && (!whole || Number.isInteger(value))
      return fits ? good(value) : fail(`${wanted}, not ${quoted(raw)}`)
    },
    String,
  )
}

/** One of a closed list of words. */
export function choiceType<const T extends string>(choices: readonly T[]): ConfigType<T> {
  return single(
    choices.join("|"),
    (raw) => {
      const found = choices.find((choice) => choice === raw)
      return found === undefined
        ? fail(`must be one of ${choices.join(", ")}, not ${quoted(raw)}`)
        : good(found)
    },
    String,
  )
}

/** Several values. As one text (environment) they are separated by blanks; at most `max` of them. */
export function listType<T>(item: ConfigType<T>, max: number): ConfigType<readonly T[]> {
  return {
    syntax: item.syntax,
    isList: true,
    isSwitch: false,
    format: (values) => values.map((value) => item.format(value)).join(" "),
    parse(raw) {
      const parts: readonly unknown[] = Array.isArray(raw)
        ? raw
        : typeof raw === "string"
          ? raw.split(/\s+/).filter((part) => part !== "")
          : [raw]
      if (parts.length > max) return fail(`must be at most ${max} values, not ${parts.length}`)
      const values: T[] = []
      for (const part of parts) {
        const parsed = item.parse(part)
        if (!parsed.ok) return parsed
        values.push(parsed.value)
      }
      return good(values)
    },
  }
}

/** Where to listen. IPv6 hosts are without brackets here. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Where to listen, and the API key that acts for requests without a credential; null = none. */
export interface BoundAddress extends ListenAddress {
  readonly as: string | null
}

/** `HOST:PORT` or `[IPv6]:PORT`; port 0 = any free one. */
export const listenType: ConfigType<ListenAddress> = single(
  "HOST:PORT",
  (raw) => {
    const match =
      typeof raw === "string" && raw.length < 300
        ? /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(raw.trim())
        : null
    const host = match?.[1] ?? match?.[2]
    const port = Number(match?.[3])
    if (host === undefined || port > 65_535)
      return fail(`must be HOST:PORT such as 127.0.0.1:8080 or [::1]:8080, not ${quoted(raw)}`)
    return good({ host, port })
  },
  (value) => (value.host.includes(":") ? `[${value.host}]:${value.port}` : `${value.host}:${value.port}`),
)

/** An address, or null where none is given. */
export const optionalListenType: ConfigType<ListenAddress | null> = single<ListenAddress | null>(
  listenType.syntax,
  (raw) => (raw === null ? good(null) : listenType.parse(raw)),
  (value) => (value === null ? "" : listenType.format(value)),
)

/** `HOST:PORT`, then `,as=` and the name of an API key; null where none is given. */
export const boundListenType: ConfigType<BoundAddress | null> = single<BoundAddress | null>(
  "HOST:PORT[,as=KEYNAME]",
  (raw) => {
    if (raw === null) return good(null)
    const text = typeof raw === "string" ? raw.trim() : ""
    const [, address = "", , as] = /^([^,]*)(,as=(.+))?$/.exec(text) ?? []
    const listen = listenType.parse(address)
    return listen.ok
      ? good({ ...listen.value, as: as ?? null })
      : fail(`must be HOST:PORT[,as=KEYNAME] such as 127.0.0.1:8888,as=ray, not ${quoted(raw)}`)
  },
  (value) => (value === null ? "" : listenType.format(value) + (value.as === null ? "" : `,as=${value.as}`)),
)

/** A node's label and its value. */
export type NodeLabel = readonly [key: string, value: string]

/** `KEY=VALUE` as Kubernetes takes labels: an optional prefix with a slash, 63 characters, the value may be empty. */
export const nodeLabelType: ConfigType<NodeLabel> = single<NodeLabel>(
  "KEY=VALUE",
  (raw) => {
    const match = typeof raw === "string" ? /^([^=]*)=(.*)$/.exec(raw.trim()) : null
    const [, name = "", value = ""] = match ?? []
    return labelKeyForm.test(name) && labelValueForm.test(value)
      ? good([name, value])
      : fail(`must be KEY=VALUE such as topology.kubernetes.io/region=eu-1, not ${quoted(raw)}`)
  },
  ([name, value]) => `${name}=${value}`,
)

const labelValueForm = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/
const labelKeyForm =
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

/** Accounts that pods may run under: first and last uid, both included. */
export interface UidRange {
  readonly first: number
  readonly last: number
}

/** `FIRST-LAST`, above the system's own accounts. */
export const uidRangeType: ConfigType<UidRange> = single(
  "FIRST-LAST",
  (raw) => {
    const match = typeof raw === "string" ? /^\s*(\d{1,10})\s*-\s*(\d{1,10})\s*$/.exec(raw) : null
    const first = Number(match?.[1])
    const last = Number(match?.[2])
    const fits = match !== null && first >= 1000 && last >= first && last < 2 ** 31 - 1
    return fits
      ? good({ first, last })
      : fail(`must be FIRST-LAST such as 60000-60999, from 1000 up, not ${quoted(raw)}`)
  },
  (value) => `${value.first}-${value.last}`,
)

/** First and last port, both included. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** `FIRST-LAST`, above the ports that only root may have. */
export const portRangeType: ConfigType<PortRange> = single(
  "FIRST-LAST",
  (raw) => {
    const match = typeof raw === "string" ? /^\s*(\d{1,5})\s*-\s*(\d{1,5})\s*$/.exec(raw) : null
    const first = Number(match?.[1])
    const last = Number(match?.[2])
    const fits = match !== null && first >= 1024 && last >= first && last <= 65_535
    return fits
      ? good({ first, last })
      : fail(`must be FIRST-LAST such as 10000-19999, from 1024 to 65535, not ${quoted(raw)}`)
  },
  (value) => `${value.first}-${value.last}`,
)

/** A folder or file of the machine by its whole path, without `.` and `..`; not the root of all. */
export const pathType: ConfigType<string> = single(
  "/PATH",
  (raw) => {
    const text = typeof raw === "string" ? raw.trim().replace(/\/+$/, "") : ""
    return isAbsolute(text) && text !== "/" && normalize(text) === text && !control.test(text)
      ? good(text)
      : fail(`must be a whole path such as /srv/data, without "." and "..", not ${quoted(raw)}`)
  },
  String,
)

/** A version of Ray and the Python that has it. */
export type RayInterpreter = readonly [version: string, python: string]

/** `VERSION=PYTHON`, the interpreter by its whole path. */
export const rayInterpreterType: ConfigType<RayInterpreter> = single<RayInterpreter>(
  "VERSION=PYTHON",
  (raw) => {
    const match = typeof raw === "string" ? /^\s*(\d+\.\d+\.\d+)=(.*)$/.exec(raw) : null
    const python = pathType.parse(match?.[2] ?? "")
    return match?.[1] !== undefined && python.ok
      ? good([match[1], python.value])
      : fail(`must be VERSION=PYTHON such as 2.60.0=/opt/ray/bin/python, not ${quoted(raw)}`)
  },
  ([version, python]) => `${version}=${python}`,
)

/** `auto`, or `true` or `false` as a switch takes them. */
export const autoSwitchType: ConfigType<boolean | "auto"> = single<boolean | "auto">(
  "auto|true|false",
  (raw) => {
    if (raw === "auto") return good("auto")
    const parsed = switchType.parse(raw)
    return parsed.ok ? parsed : fail(`must be auto, true or false, not ${quoted(raw)}`)
  },
  String,
)

/** How fast a key may ask; `auto` depends on where the server listens. */
export type RateLimitSetting = "auto" | "off" | { readonly perSecond: number; readonly burst: number }

const mostPerSecond = 1_000_000

/** `auto`, `off`, or so many requests a second, with a burst of twice as many unless it is said. */
export const rateLimitType: ConfigType<RateLimitSetting> = single<RateLimitSetting>(
  "auto|off|RATE[,burst=BURST]",
  (raw) => {
    if (raw === "auto" || raw === "off") return good(raw)
    // what YAML takes a bare off for
    if (raw === false) return good("off")
    const match = /^(\d{1,7})(?:,burst=(\d{1,8}))?$/.exec(String(raw).trim())
    const perSecond = Number(match?.[1])
    const burst = Number(match?.[2] ?? 2 * perSecond)
    const fits = match !== null && perSecond >= 1 && perSecond <= mostPerSecond && burst >= 1
    return fits
      ? good({ perSecond, burst })
      : fail(`must be auto, off, or RATE[,burst=BURST] such as 500 or 500,burst=1000, not ${quoted(raw)}`)
  },
  (value) => (typeof value === "string" ? value : `${value.perSecond},burst=${value.burst}`),
)

/** A DNS-1123 label: what clusters and workspaces are called. */
export const labelType: ConfigType<string> = single(
  "NAME",
  (raw) =>
    typeof raw === "string" && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(raw)
      ? good(raw)
      : fail(`must be 1 to 63 lower-case letters, digits or "-", not ${quoted(raw)}`),
  String,
)

/** A host name or address, without scheme and port. */
export const hostType: ConfigType<string> = single(
  "HOST",
  (raw) =>
    typeof raw === "string" && /^(?:[A-Za-z0-9._-]{1,253}|\[?[0-9a-fA-F:.]{2,45}\]?)$/.test(raw)
      ? good(raw.toLowerCase().replace(/^\[|\]$/g, ""))
      : fail(`must be a host name or address without scheme and port, not ${quoted(raw)}`),
  String,
)

/** A network in CIDR form, an address, or a host name, in lower case. */
export const probeAllowType: ConfigType<string> = single(
  "CIDR|HOST",
  (raw) => {
    const host = typeof raw === "string" ? hostType.parse(raw.replace(/\/\d{1,3}$/, "")) : undefined
    if (typeof raw !== "string" || !host?.ok)
      return fail(`must be a network such as 10.0.0.0/8, an address or a host name, not ${quoted(raw)}`)
    const bits = /\/(\d{1,3})$/.exec(raw)?.[1]
    const most = { 4: 32, 6: 128 }[isIP(host.value)] ?? -1
    if (bits !== undefined && Number(bits) > most)
      return fail(`must be a network such as 10.0.0.0/8, not ${quoted(raw)}`)
    return good(bits === undefined ? host.value : `${host.value}/${bits}`)
  },
  String,
)
