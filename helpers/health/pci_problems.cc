#include "helpers/health/pci_problems.h"

#include <fmt/format.h>

#include <algorithm>

namespace passthrough {

HealthProblems AerCounterProblems(const PciEvidence& pci, const PciFunction& function,
                                  const std::string& name) {
  HealthProblems problems;
  for (const auto& [kind, total] : function.aer_totals) {
    if (total == 0 || kind == "correctable") continue;
    problems.push_back(
        {fmt::format("{}: {} uncorrected PCIe errors ({}) since the node's boot, expected 0", name, total,
                     kind),
         pci.At(function.line),
         "Data was lost on the way to the device: reseat the card, try another slot, and look at the kernel "
         "logs of node and host for lines with AER."});
  }
  return problems;
}

HealthProblems NumaProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  const auto& online = pci.numa_nodes;
  const auto& with_processors = pci.numa_nodes_with_cpus;
  if (online.size() < 2 || !function.numa_node) return {};
  const int node = *function.numa_node;
  const auto has = [node](const std::vector<int>& nodes) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  };
  std::string found;
  if (node < 0) {
    found = fmt::format("{} is on no NUMA node, though this node has {}", name, online.size());
  } else if (!has(online)) {
    found = fmt::format("{} is on NUMA node {}, which this node does not have", name, node);
  } else if (!with_processors.empty() && !has(with_processors)) {
    found = fmt::format("{} is on NUMA node {}, which has no processors", name, node);
  } else {
    return {};
  }
  return {{found, pci.At(function.line),
           "Programs cannot be placed near it: give the domain a pcie-expander-bus with <target><node> of "
           "the NUMA node whose processors and memory come from the card's socket on the host, and attach "
           "the device below it."}};
}

}  // namespace passthrough
