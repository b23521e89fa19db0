import type { AppError } from "../../kit/errors.ts"
import { namespaceTaken, sliceFaultDetail } from "./slice-faults.ts"
import type { OperationWords, Refused } from "./words.ts"

const createSliceUrl =
  "https://kubeslice.io/documentation/open-source/0.2.0/getting-started-with-cloud-clusters/installing-kubeslice/creating-a-slice"
const missingWorkspace = "Slice Workspace Not Found"

/** What the documented server's admission refuses (reference/egs.md 1.4, 3). */
function refusedByAdmission(error: AppError): Refused | undefined {
  if (error.detail === "namespace_taken") return refusedByAdmission(namespaceTaken(error))
  if (error.detail !== sliceFaultDetail) return undefined
  const { reason, message, field } = error.facts
  const [what, where] = [String(message), String(field)]
  const kind = `SliceConfig.controller.kubeslice.io ${JSON.stringify(error.subject ?? "")}`
  return {
    status: 422,
    short: "Bad Request",
    said: `admission webhook "vsliceconfig.kb.io" denied the request: ${kind} is invalid: ${where}: ${what}`,
    reason: "Invalid",
    details: [{ reason: String(reason), message: what, field: where }],
  }
}

const say = (text: string): OperationWords => ({ doing: () => text })
const kubeConfig = say("Error while fetching the kubeconfig")

/** By method and path: the operations about workspaces, inventory and keys. */
export const workspaceWords: Readonly<Record<string, OperationWords>> = {
  "POST /api/v1/slice-workspace": {
    doing: () => "Error registering Slice",
    documentation: createSliceUrl,
    refuse: refusedByAdmission,
  },
  "PUT /api/v1/slice-workspace": {
    doing: () => "Error updating Slice",
    documentation: createSliceUrl,
    missing: missingWorkspace,
    refuse: refusedByAdmission,
  },
  "DELETE /api/v1/slice-workspace": { doing: () => "Error deleting Slice", missing: missingWorkspace },
  "GET /api/v1/slice-workspace/list": say("Error in listing Slices"),
  "GET /api/v1/slice-workspace/kube-config": kubeConfig,
  "POST /api/v1/slice-workspace/kube-config": kubeConfig,
  "GET /api/v1/inventory/list": say("Error occurred while fetching the inventory details"),
  "GET /api/v1/inventory": say("Error occurred while fetching the inventory details"),
  "POST /api/v1/auth": say("Error while exchanging an API key"),
  "POST /api/v1/api-key": say("Error while creating API key"),
  "DELETE /api/v1/api-key": say("Error while deleting API key"),
  "GET /api/v1/api-key/list": say("Error in listing API keys"),
}
