import { frameError, frameTexts, unsupportedGrant, type FrameError } from "./errors.ts"

/** Who wants a token, by a password or by an API key. */
export type DecodedLogin =
  | { readonly grant: "password"; readonly username: string; readonly password: string }
  | { readonly grant: "api key"; readonly key: string }

/** What reading a login gives; a refusal is a 400 with this body. */
export type LoginRead =
  | { readonly ok: true; readonly value: DecodedLogin }
  | { readonly ok: false; readonly body: FrameError }

/**
 * Reads the form of POST /login. Without a grant it is a password when there is a username, else an API key when there
 * is a password; of a field that is given twice the last counts.
 */
export function decodeLogin(form: string): LoginRead {
  const fields = new URLSearchParams(form)
  const field = (name: string) => fields.getAll(name).at(-1) ?? ""
  const [given, username, password] = [field("grant_type"), field("username"), field("password")]
  const grant = given || (username === "" && password !== "" ? "zenml-api-key" : "password")
  if (grant === "password") {
    return username === ""
      ? refused(frameTexts.noUsername)
      : { ok: true, value: { grant: "password", username, password } }
  }
  if (grant !== "zenml-api-key") return { ok: false, body: unsupportedGrant(grant) }
  return password === ""
    ? refused(frameTexts.noApiKey)
    : { ok: true, value: { grant: "api key", key: password } }
}

function refused(message: string): LoginRead {
  return { ok: false, body: frameError(message) }
}
