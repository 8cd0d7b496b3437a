// What nvidia-smi says, in both of its forms.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "fixtures/check.h"
#include "helpers/base/text.h"
#include "helpers/parsers/nvidia_smi_table.h"
#include "helpers/parsers/nvidia_smi_words.h"
#include "helpers/parsers/nvidia_smi_xml.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {
namespace {

class NvidiaSmi : public NodeCheck {
 protected:
  NvidiaSmiTable Table() {
    const ProbeOutput& output = Probe("nvidia_smi");
    return NvidiaSmiTable::Parse(output.text, output.path);
  }
  NvidiaSmiXml Xml() {
    const ProbeOutput& output = Probe("nvidia_smi_xml");
    return NvidiaSmiXml::Parse(output.text, output.path);
  }
  void RequireExitStatusZero(const std::string& command, const std::string& probe) {
    const ProbeOutput& output = Probe(probe);
    if (output.exit_status == 0) return;
    const std::string said(Trim(LastLines(output.text + output.error_text, 1)));
    Complain({.found = fmt::format("{} ended with exit status {}{}{}", command,
                                   NvidiaSmiExitStatusText(output.exit_status),
                                   said.empty() ? "" : "; it said: ", said),
              .where = output.path.string(),
              .advice = "Look at the checks of the PCI bus and of the kernel module first, then at the "
                        "node's kernel log for lines with NVRM."});
  }
};

PASSTHROUGH_CHECKS(NvidiaSmi, GpuNodes, "pci", "nvidia_smi", "nvidia_smi_xml");

TEST_P(NvidiaSmi, AnswersWithExitStatusZero) { RequireExitStatusZero("nvidia-smi", "nvidia_smi"); }

TEST_P(NvidiaSmi, AnswersInXmlWithExitStatusZero) {
  RequireExitStatusZero("nvidia-smi -q -x", "nvidia_smi_xml");
}

TEST_P(NvidiaSmi, TableHasExactlyThePlannedGpus) {
  const NvidiaSmiTable table = Table();
  if (table.gpus.size() == node().GpuCount()) return;
  Complain({.found = fmt::format("nvidia-smi's table has {}, expected {}",
                                 Count(table.gpus.size(), "GPU"), node().GpuCount()),
            .where = table.At(table.last_line),
            .advice = "Compare with lspci on the node; a GPU that the bus shows and the driver does not "
                      "has an NVRM line in the kernel log."});
}

TEST_P(NvidiaSmi, XmlHasExactlyThePlannedGpus) {
  const NvidiaSmiXml xml = Xml();
  const size_t planned = node().GpuCount();
  if (xml.gpus.size() != planned || xml.attached_gpus != static_cast<int>(planned)) {
    Complain({.found = fmt::format("nvidia-smi -q -x lists {} and says that {} attached, expected {}",
                                   Count(xml.gpus.size(), "GPU"),
                                   xml.attached_gpus == 1 ? "1 is" : fmt::format("{} are", xml.attached_gpus),
                                   planned),
              .where = xml.At(xml.attached_gpus_line),
              .advice = "Compare with lspci on the node; a GPU that the bus shows and the driver does "
                        "not has an NVRM line in the kernel log."});
  }
}

TEST_P(NvidiaSmi, BusIdsAreThoseOfThePciBus) {
  const PciEvidence pci = PciEvidence::Parse(Probe("pci").text, Probe("pci").path);
  const NvidiaSmiXml xml = Xml();
  const NvidiaSmiTable table = Table();
  std::multiset<PciAddress> on_bus;
  std::multiset<PciAddress> in_xml;
  std::multiset<PciAddress> in_table;
  for (const PciFunction* gpu : pci.Nvidia(3)) on_bus.insert(gpu->address);
  for (const NvidiaSmiGpu& gpu : xml.gpus) in_xml.insert(gpu.bus_id);
  for (const NvidiaSmiTableGpu& gpu : table.gpus) in_table.insert(gpu.bus_id);
  const auto list = [](const std::multiset<PciAddress>& addresses) {
    std::vector<std::string> texts;
    for (const PciAddress& address : addresses) texts.push_back(address.ToString());
    return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
  };
  const std::string advice =
      "A GPU that only one of them has was lost or never initialised: look at the node's kernel log.";
  if (in_xml != on_bus) {
    Complain({.found = fmt::format("nvidia-smi -q -x has GPUs at {}, the PCI bus at {}", list(in_xml),
                                   list(on_bus)),
              .where = xml.At(xml.attached_gpus_line),
              .advice = advice});
  }
  if (in_table != on_bus) {
    Complain({.found = fmt::format("nvidia-smi's table has GPUs at {}, the PCI bus at {}",
                                   list(in_table), list(on_bus)),
              .where = table.At(table.last_line),
              .advice = advice});
  }
}

TEST_P(NvidiaSmi, TableHasNoErrorText) {
  const NvidiaSmiTable table = Table();
  for (const NvidiaSmiProblem& problem : table.problems) {
    Complain({.found = fmt::format("nvidia-smi printed \"{}\"{}: {}", problem.phrase,
                                   problem.column.empty() ? "" : " in column " + problem.column,
                                   problem.meaning),
              .where = table.At(problem.line),
              .advice = "Look at the node's kernel log for lines with NVRM or Xid."});
  }
  if (!table.has_table) {
    Complain({.found = "nvidia-smi printed no table",
              .where = table.At(table.last_line),
              .advice = "The evidence has what it printed instead."});
  }
}

TEST_P(NvidiaSmi, XmlHasNoErrorText) {
  const NvidiaSmiXml xml = Xml();
  for (const NvidiaSmiFieldProblem& problem : xml.Problems()) {
    const std::string of = problem.gpu == nullptr ? "" : " of GPU " + problem.gpu->bus_id.ToString();
    Complain({.found = fmt::format("nvidia-smi -q -x: {}{} is \"{}\": {}", problem.field->path, of,
                                   problem.field->text, problem.error->meaning),
              .where = xml.At(problem.field->line),
              .advice = "Look at the node's kernel log for lines with NVRM or Xid."});
  }
}

}  // namespace
}  // namespace passthrough
