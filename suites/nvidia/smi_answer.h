// How nvidia-smi ended, from what its probe printed.
#pragma once

#include "helpers/base/text.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/health/nvidia/nvidia_smi_problems.h"

namespace passthrough {

inline NvidiaSmiAnswer AnswerOf(const ProbeOutput& output) {
  return {.exit_status = output.exit_status,
          .last_line = std::string(Trim(LastLines(output.text + output.error_text, 1))),
          .where = output.path.string()};
}

}  // namespace passthrough
