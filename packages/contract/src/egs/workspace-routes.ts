import { NothingAnswerSchema } from "./answers.ts"
import { GpuInventoryAnswerSchema, WorkspaceGpusAnswerSchema } from "./inventory-schemas.ts"
import type { EgsRoute } from "./route.ts"
import { SliceNameQuerySchema } from "./schemas.ts"
import {
  CreateSliceWorkspaceRequestSchema,
  KubeConfigAnswerSchema,
  KubeConfigRequestSchema,
  SliceWorkspaceListAnswerSchema,
  SliceWorkspaceNameAnswerSchema,
  SliceWorkspaceNameSchema,
  UpdateSliceWorkspaceRequestSchema,
} from "./workspace-schemas.ts"

const workspaceExample = {
  workspaceName: "research",
  clusters: ["local"],
  namespaces: ["namespace-1", "namespace-2"],
  username: "John Doe",
  email: "john.doe@example.com",
}
const kubeConfigNotes =
  "Editors and Owners only: it gives access to write. Clusters that run local processes have none: 422."

/** Workspaces and inventory, by name. */
export const workspaceRoutes = {
  createWorkspace: {
    method: "POST",
    path: "/api/v1/slice-workspace",
    tag: "slice-workspace",
    summary: "Create a workspace",
    description:
      "Server Owners only. A name that is taken, or whose workspace is still being deleted, is a 409. Clusters must be named: no workspace gets all of them by saying nothing.",
    refusals: [422],
    example: workspaceExample,
    body: CreateSliceWorkspaceRequestSchema,
    answer: SliceWorkspaceNameAnswerSchema,
  },
  updateWorkspace: {
    method: "PUT",
    path: "/api/v1/slice-workspace",
    tag: "slice-workspace",
    summary: "Change the clusters and namespaces of a workspace",
    description: "Only server Owners add namespaces.",
    refusals: [404, 422],
    example: { workspaceName: "research", clusters: ["local"], namespaces: ["namespace-1"] },
    body: UpdateSliceWorkspaceRequestSchema,
    answer: SliceWorkspaceNameAnswerSchema,
  },
  deleteWorkspace: {
    method: "DELETE",
    path: "/api/v1/slice-workspace",
    tag: "slice-workspace",
    summary: "Delete a workspace",
    description:
      "Answered at once. Its queued GPU requests are cancelled, its nodes given back and its work stopped in the background; the list shows it until that is over. The built-in workspace `default` is a 409.",
    refusals: [404, 422],
    example: { workspaceName: "research" },
    body: SliceWorkspaceNameSchema,
    answer: NothingAnswerSchema,
  },
  listWorkspaces: {
    method: "GET",
    path: "/api/v1/slice-workspace/list",
    tag: "slice-workspace",
    summary: "List workspaces",
    answer: SliceWorkspaceListAnswerSchema,
  },
  getKubeConfig: {
    method: "GET",
    path: "/api/v1/slice-workspace/kube-config",
    tag: "slice-workspace",
    summary: "Get a kubeconfig",
    description: `The workspace is named by query or by body. ${kubeConfigNotes}`,
    refusals: [404, 422],
    query: KubeConfigRequestSchema,
    answer: KubeConfigAnswerSchema,
  },
  kubeConfig: {
    method: "POST",
    path: "/api/v1/slice-workspace/kube-config",
    tag: "slice-workspace",
    summary: "Get a kubeconfig",
    description: kubeConfigNotes,
    refusals: [404, 422],
    example: { workspaceName: "research" },
    body: KubeConfigRequestSchema,
    answer: KubeConfigAnswerSchema,
  },
  listInventory: {
    method: "GET",
    path: "/api/v1/inventory/list",
    tag: "inventory",
    summary: "List GPU nodes",
    answer: GpuInventoryAnswerSchema,
  },
  workspaceInventory: {
    method: "GET",
    path: "/api/v1/inventory",
    tag: "inventory",
    summary: "List the GPUs that a workspace holds",
    refusals: [404, 422],
    query: SliceNameQuerySchema,
    answer: WorkspaceGpusAnswerSchema,
  },
} as const satisfies Readonly<Record<string, EgsRoute>>
