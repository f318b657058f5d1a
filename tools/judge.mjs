// Judges requests by IAM policies: node tools/judge.mjs < requests.json
//
// It takes {"policies": {name: [document]}, "requests": [{policy, principal, action, resource,
// context}]} and answers with a list of true (allowed) and false. {"actions": [name]} is answered
// with those for which AWS knows no resource but "*". Unknown context keys and malformed policies
// are errors, not refusals.
import { isWildcardOnlyAction, runSimulation } from "@cloud-copilot/iam-simulate";
import { readFileSync } from "node:fs";

const told = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(told.actions ? await starry(told.actions) : await judged(told)));

async function starry(actions) {
  const answers = await Promise.all(actions.map((action) => isWildcardOnlyAction(...action.split(":"))));
  return actions.filter((_, place) => answers[place]);
}

function judged({ policies, requests }) {
  return Promise.all(requests.map((request) => isAllowed(policies[request.policy], request)));
}

async function isAllowed(documents, { principal, action, resource, context }) {
  const answer = await runSimulation(
    {
      request: {
        principal,
        action,
        resource: { resource, accountId: principal.split(":")[4] },
        contextVariables: context,
      },
      identityPolicies: documents.map((policy, place) => ({ name: `policy ${place}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (answer.resultType === "error") {
    throw new Error(`${action} on ${resource}: ${JSON.stringify(answer.errors)}`);
  }
  const ignored = answer.result?.ignoredContextKeys ?? [];
  if (ignored.length > 0) {
    throw new Error(`${action} knows no ${ignored.join(", ")}`);
  }
  return answer.overallResult === "Allowed";
}
