import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A private key with its certificate, as PEM. */
export interface TestPair {
  readonly key: string
  readonly cert: string
}

/** An authority of a test's own. */
export interface TestAuthority extends TestPair {
  /** PEM file with its certificate. */
  readonly file: string
  /** @param names such as `DNS:model.test,IP:127.0.0.1` @param days until it ends; it may have ended */
  sign(names: string, days?: number): TestPair
  close(): void
}

const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

/** Makes one with the program openssl. */
export function createTestAuthority(): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), "berth-ca-"))
  const at = (name: string) => join(folder, name)
  const openssl = (...argv: readonly string[]) =>
    execFileSync("openssl", argv, { cwd: folder, stdio: "ignore" })
  const read = (name: string): TestPair => ({
    key: readFileSync(at(`${name}.key`), "utf8"),
    cert: readFileSync(at(`${name}.pem`), "utf8"),
  })
  openssl(
    "req",
    "-x509",
    ...ec,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Test authority",
    "-days",
    "2",
  )
  let made = 0
  return {
    ...read("ca"),
    file: at("ca.pem"),
    sign(names, days = 1) {
      const name = `leaf${++made}`
      openssl(
        "req",
        "-new",
        ...ec,
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.csr`,
        "-subj",
        "/CN=leaf",
        "-addext",
        `subjectAltName=${names}`,
      )
      const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy"]
      openssl("x509", "-req", "-in", `${name}.csr`, ...by, "-out", `${name}.pem`, "-days", String(days))
      return read(name)
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
