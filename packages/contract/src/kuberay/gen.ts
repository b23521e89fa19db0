/** What is made from proto/ (README.md beside says how). */
export * from "./gen/cluster_pb.ts"
export * from "./gen/config_pb.ts"
export * from "./gen/job_pb.ts"
export * from "./gen/job_submission_pb.ts"
export * from "./gen/serve_pb.ts"
