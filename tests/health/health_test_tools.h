// What tests of judgements share: problems as text, and small evidence to judge.
#pragma once

#include <string>
#include <vector>

#include "helpers/health/health_problem.h"
#include "helpers/parsers/nvidia_smi_xml.h"

namespace passthrough {

// "found (where)" of each, for matchers.
inline std::vector<std::string> Texts(const HealthProblems& problems) {
  std::vector<std::string> texts;
  for (const HealthProblem& problem : problems) texts.push_back(problem.found + " (" + problem.where + ")");
  return texts;
}

// nvidia-smi -q -x with one GPU at 0000:01:00.0 that has `elements`.
inline NvidiaSmiXml XmlWith(const std::string& elements) {
  return NvidiaSmiXml::Parse(
      "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>\n"
      "<attached_gpus>1</attached_gpus>\n<gpu id=\"00000000:01:00.0\">\n" +
          elements + "\n</gpu>\n</nvidia_smi_log>\n",
      "x.txt");
}

}  // namespace passthrough
