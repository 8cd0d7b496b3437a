// Disturbing the GPU nodes, as the disruptive checks need it.
#pragma once

#include "helpers/disruption/disruption.h"
#include "helpers/run/collect_phase.h"
#include "helpers/run/pending_teardown.h"
#include "helpers/run/run_state.h"

namespace passthrough {

// Disturbs the GPU nodes that `collected` has discovered, all at once, and takes a snapshot of each after each step.
// What fails on single nodes is in the evidence; what stops the whole is thrown.
void DisruptGpuNodes(const DisruptionRequest& request, RunState& state, PendingTeardown& pending,
                     CollectPhase& collected);

}  // namespace passthrough
