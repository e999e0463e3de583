// What is read of the calls of tools in a step; while it streams, parts of a call are not there yet.
import type OpenAI from "openai";
import type { Step } from "../transcript";

type ToolCall = OpenAI.Beta.Threads.Runs.ToolCall;
type CodeCall = OpenAI.Beta.Threads.Runs.CodeInterpreterToolCall;
type CodeOutput = CodeCall["code_interpreter"]["outputs"][number];

/** The calls of a step; none, where it only made a message. */
export function callsOf({ step_details }: Step): ToolCall[] {
  return step_details.type === "tool_calls" ? step_details.tool_calls : [];
}

/** What the code of a step put out. */
export function outputsOf(step: Step): CodeOutput[] {
  return callsOf(step).flatMap((call) => (call.type === "code_interpreter" ? (call.code_interpreter?.outputs ?? []) : []));
}

/** The files of the pictures that the code of a step showed. */
export function picturesOf(step: Step): string[] {
  return outputsOf(step).flatMap((each) => (each.type === "image" && each.image?.file_id ? [each.image.file_id] : []));
}
