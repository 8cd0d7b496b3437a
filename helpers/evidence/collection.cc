#include "helpers/evidence/collection.h"

#include <fmt/format.h>

#include "helpers/base/text.h"
#include "helpers/evidence/frame_decoder.h"
#include "helpers/evidence/remote_archive.h"

namespace passthrough {
namespace {

constexpr size_t kMostWords = 1000;  // bytes of the node's own words in a message
constexpr size_t kMostSignal = 40;   // bytes of a signal's name: the node's words too

// Ends an exec whose output cannot be understood: nothing that still comes would be.
class NotFrames : public EvidenceError {
 public:
  using EvidenceError::EvidenceError;
};

// The command ended, and not every frame is there: why.
std::string ExplainEnd(const FrameDecoder& decoder, const ExecResult& result) {
  if (!decoder.problem().empty()) return decoder.problem();
  std::string how = result.exit_signal.empty()
                        ? fmt::format("ended with exit status {}", result.exit_status)
                        : fmt::format("was ended by signal {}", Shortened(Printable(result.exit_signal), kMostSignal));
  if (result.output_truncated) how = "printed more than all probes together may";
  std::string words = LastLines(result.error_output, 5);
  if (words.empty()) words = LastLines(decoder.preface(), 5);
  words = Shortened(Printable(Trim(words)), kMostWords);
  return fmt::format("the probes' command {} {}{}{}", how, decoder.Progress(), words.empty() ? "" : ": ", words);
}

}  // namespace

Collection CollectByExec(const RemoteExec& exec, const std::string& archive, const std::vector<std::string>& probes,
                         const Deadline& deadline, const ProbeSettings& settings) {
  const std::string nonce = MakeNonce();
  FrameDecoder decoder(nonce, probes);
  ExecOptions options;
  options.input = archive;
  options.sink = [&decoder](std::string_view bytes) {
    decoder.Feed(bytes);
    if (!decoder.problem().empty()) throw NotFrames(decoder.problem());
  };
  options.most_output = decoder.MostBytes();
  Collection collection;
  try {
    ExecResult result = exec(RemoteCommand(nonce, probes, settings), options, deadline);
    if (!decoder.done()) collection.error = ExplainEnd(decoder, result);
  } catch (const NotFrames& error) {
    collection.error = error.what();
  } catch (const InterruptedError&) {
    collection.error = fmt::format("interrupted {}", decoder.Progress());
  } catch (const TimeoutError& error) {
    collection.error = fmt::format("time ran out {}: {}", decoder.Progress(), error.what());
  } catch (const SshError& error) {
    collection.error = fmt::format("connection lost {}: {}", decoder.Progress(), error.what());
  }
  // All there is, whatever happened after the last byte of it.
  if (decoder.done()) collection.error.clear();
  collection.probes = decoder.TakeOutputs();
  return collection;
}

}  // namespace passthrough
