import { startTestServer, type TestServer } from "../test-server.ts"
import { createKuberayFamily } from "./family.ts"
import { member, scriptedObjects, type Script } from "./test-rows.ts"

/** The family with objects that do what the test says. The token of `send` is an editor's. */
export function startKuberayServer(): Promise<TestServer<Script>> {
  return startTestServer<Script>({
    family: createKuberayFamily({ openDocuments: false }),
    principal: member("editor"),
    services: (script, calls) => ({ ray: scriptedObjects(script, calls) }),
  })
}
