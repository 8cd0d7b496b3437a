// What tests of checks share: findings as text, and small evidence.
#pragma once

#include <string>
#include <vector>

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"

namespace passthrough {

// "found (where)" of each, for matchers.
inline std::vector<std::string> Texts(const Findings& problems) {
  std::vector<std::string> texts;
  for (const Finding& problem : problems) texts.push_back(problem.found + " (" + problem.where + ")");
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
