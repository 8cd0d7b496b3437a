// What nvidia-smi says, in both of its forms.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "fixtures/check.h"
#include "helpers/base/gpu_class.h"
#include "helpers/base/text.h"
#include "helpers/health/nvidia/gpu_state_problems.h"
#include "helpers/health/nvidia/nvidia_smi_problems.h"
#include "helpers/parsers/nvidia/nvidia_smi_table.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"
#include "helpers/parsers/nvidia/vendor_id.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/nvidia/nvidia_gpus.h"
#include "suites/nvidia/smi_answer.h"

namespace passthrough {
namespace {

class NvidiaSmi : public NodeCheckOf<PciEvidence, NvidiaSmiTable, NvidiaSmiXml> {
 protected:
  const NvidiaSmiTable& Table() { return Parsed<NvidiaSmiTable>(); }
  const NvidiaSmiXml& Xml() { return Parsed<NvidiaSmiXml>(); }
};

PASSTHROUGH_CHECKS(NvidiaSmi, NvidiaNodes);

TEST_P(NvidiaSmi, AnswersWithExitStatusZero) {
  ReportEach(ExitStatusProblems("nvidia-smi", AnswerOf(Output<NvidiaSmiTable>())));
}

TEST_P(NvidiaSmi, AnswersInXmlWithExitStatusZero) {
  ReportEach(ExitStatusProblems("nvidia-smi -q -x", AnswerOf(Output<NvidiaSmiXml>())));
}

TEST_P(NvidiaSmi, TableHasExactlyThePlannedGpus) { ReportEach(GpuCountProblems(Table(), NvidiaGpusOf(node()).size())); }

TEST_P(NvidiaSmi, XmlHasExactlyThePlannedGpus) { ReportEach(GpuCountProblems(Xml(), NvidiaGpusOf(node()).size())); }

TEST_P(NvidiaSmi, BusIdsAreThoseOfThePciBus) {
  const PciEvidence& pci = Parsed<PciEvidence>();
  const NvidiaSmiXml& xml = Xml();
  const NvidiaSmiTable& table = Table();
  std::multiset<PciAddress> on_bus;
  std::multiset<PciAddress> in_xml;
  std::multiset<PciAddress> in_table;
  for (const PciFunction& one : pci.functions) {
    if (one.vendor == kNvidiaVendorId && IsGpuClass(one.class_code)) on_bus.insert(one.address);
  }
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
    ReportFailure(
        {.found = fmt::format("nvidia-smi -q -x has GPUs at {}, the PCI bus at {}", list(in_xml), list(on_bus)),
         .where = xml.At(xml.attached_gpus_line),
         .advice = advice});
  }
  if (in_table != on_bus) {
    ReportFailure(
        {.found = fmt::format("nvidia-smi's table has GPUs at {}, the PCI bus at {}", list(in_table), list(on_bus)),
         .where = table.At(table.last_line),
         .advice = advice});
  }
  ReportEach(DeviceIdProblems(xml, pci));
}

TEST_P(NvidiaSmi, TableHasNoErrorText) { ReportEach(ErrorTextProblems(Table())); }

TEST_P(NvidiaSmi, XmlHasNoErrorText) { ReportEach(ErrorTextProblems(Xml())); }

TEST_P(NvidiaSmi, TableAndXmlAgreeOnEcc) {
  const NvidiaSmiTable& table = Table();
  const NvidiaSmiXml& xml = Xml();
  const size_t planned = NvidiaGpusOf(node()).size();
  if (table.gpus.size() < planned || xml.gpus.size() < planned) {
    throw EvidenceError(
        fmt::format("{}: nvidia-smi's table has {}, its XML {}, expected {}: of the others' ECC nothing is "
                    "known ({})",
                    node().name, Count(table.gpus.size(), "GPU"), xml.gpus.size(), planned, table.At(table.last_line)));
  }
  ReportEach(EccDisagreements(table, xml));
}

}  // namespace
}  // namespace passthrough
