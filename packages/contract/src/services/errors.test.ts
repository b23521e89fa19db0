import { expect, it } from "vitest"
import {
  frameError,
  noPage,
  noProject,
  noProjectScope,
  noReference,
  noService,
  noStack,
  notPermitted,
  sameConfig,
  unexpectedError,
  unsupportedGrant,
} from "./errors.ts"

const id = "00000000-0000-0000-0000-000000000000"

it.each([
  [
    noService(id),
    `["KeyError","\\"Unable to get service with ID '${id}': No service with this ID found\\""]`,
  ],
  [noStack(id), `["KeyError","\\"Unable to get stack with ID '${id}': No stack with this ID found\\""]`],
  [
    noProject(id, true),
    `["KeyError","\\"Unable to get project with name or ID '${id}': No project with this ID found.\\""]`,
  ],
  [
    noProject("nope", false),
    `["KeyError","\\"Unable to get project with name or ID 'nope': 'nope' is not a valid  UUID and no project with this name exists.\\""]`,
  ],
  [
    noProject('it"s', false),
    String.raw`["KeyError","'Unable to get project with name or ID \\'it\"s\\': \\'it\"s\\' is not a valid  UUID and no project with this name exists.'"]`,
  ],
  [
    noReference("model version", id, { created: "33b8cc29-a60f-4747-bd75-1b3d807adf4b" }),
    `["KeyError","\\"The model version with ID ${id} referenced by the service being created was not found in the '33b8cc29-a60f-4747-bd75-1b3d807adf4b' project\\""]`,
  ],
  [
    noReference("model version", id, { updatedIn: "default" }),
    `["KeyError","\\"The model version with ID ${id} referenced by the service schema being updated was not found in the 'default' project\\""]`,
  ],
  [
    sameConfig("other"),
    `["EntityExistsError","Unable to create service 'other' with the given configuration: A service with the same configuration already exists."]`,
  ],
  [
    noPage(99999999999999999999999n, 20, 3, 1),
    `["ValueError","Invalid page 99999999999999999999999. The requested page size is 20 and there are a total of 3 items for this query. The maximum page value therefore is 1."]`,
  ],
  [noProjectScope(), `["ValueError","Project scope missing from the filter"]`],
  [
    notPermitted("CREATE", "service"),
    `["IllegalOperationError","Insufficient permissions to CREATE resource 'service'."]`,
  ],
  [unsupportedGrant("bogus"), `"Unsupported grant type: bogus"`],
  [frameError("Not Found"), `"Not Found"`],
])("%j reads as the documented server's", (error, detail) => {
  expect(JSON.stringify(error)).toBe(`{"detail":${detail}}`)
})

it("a fault of the server names the request", () => {
  expect(JSON.stringify(unexpectedError("127904c5"))).toBe(
    '{"detail":"An unexpected error occurred.","request_id":"127904c5"}',
  )
})
