import { flag } from "./command-spec.ts"

/** Of the commands that serve something: see register-served.ts, which is read only when it is used. */
export const registerFlag = flag(
  "--register",
  "put it into the register of model servers, with a watched record that follows it (berth services)",
)
