import type { ConfigType, Parsed } from "./config-types.ts"

/** Where a PostgreSQL database is, with its password: that shows nowhere but in `connection`. */
export class DatabaseUrl {
  /** Without any password. */
  readonly shown: string
  readonly #text: string

  constructor(text: string) {
    this.#text = text
    this.shown = redacted(text)
  }

  /** The whole URL, to connect with. */
  connection(): string {
    return this.#text
  }

  toString(): string {
    return this.shown
  }

  toJSON(): string {
    return this.shown
  }
}

const secretParameters = ["password", "sslpassword"]

function redacted(text: string): string {
  const url = new URL(text)
  if (url.password !== "") url.password = "***"
  for (const name of secretParameters) if (url.searchParams.has(name)) url.searchParams.set(name, "***")
  return url.href
}

/** A fault never repeats what was given: there may be a password in it, also where it is no URL. */
export const databaseType: ConfigType<DatabaseUrl | null> = {
  syntax: "URL",
  isList: false,
  isSwitch: false,
  format: (value) => value?.shown ?? "",
  parse(raw): Parsed<DatabaseUrl | null> {
    if (raw === null) return { ok: true, value: null }
    const text = typeof raw === "string" ? raw.trim() : ""
    const fault = faultOf(text)
    return fault === undefined
      ? { ok: true, value: new DatabaseUrl(text) }
      : { ok: false, message: `${fault}, such as postgres://berth:PASSWORD@127.0.0.1:5432/berth` }
  },
}

function faultOf(text: string): string | undefined {
  if (!URL.canParse(text) || text.length > 4096) return "must be a URL"
  const { protocol, pathname, hash } = new URL(text)
  if (protocol !== "postgres:" && protocol !== "postgresql:")
    return "must begin with postgres:// or postgresql://"
  if (pathname.length < 2 || pathname.indexOf("/", 1) > 0) return "must name a database behind the host"
  return hash === "" ? undefined : 'must not hold "#": in a password it is %23'
}
