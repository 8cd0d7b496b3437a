#include "bench/bare_loop.h"

#include <libssh/libssh.h>

#include <exception>
#include <thread>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

void Require(bool good, ssh_session session) {
  if (!good) throw SshError(std::string("bare loop: ") + ssh_get_error(session));
}

// As in libssh's own tutorial: blocking calls, one after the other.
std::string RunOn(const SshAccount& account, const std::string& command, const std::string& input) {
  const ssh_session session = ssh_new();
  const bool no = false;
  const unsigned port = account.port;
  ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(session, SSH_OPTIONS_HOST, account.host.c_str());
  ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  ssh_options_set(session, SSH_OPTIONS_USER, account.user.c_str());
  const int at_once = 1;
  ssh_options_set(session, SSH_OPTIONS_NODELAY, &at_once);
  const long patience = 60;  // s: with many servers on few cores, libssh's 10 s can be too short
  ssh_options_set(session, SSH_OPTIONS_TIMEOUT, &patience);
  Require(ssh_connect(session) == SSH_OK, session);
  ssh_key key = nullptr;
  Require(ssh_pki_import_privkey_file(account.key.c_str(), nullptr, nullptr, nullptr, &key) == SSH_OK, session);
  Require(ssh_userauth_publickey(session, nullptr, key) == SSH_AUTH_SUCCESS, session);
  ssh_key_free(key);
  const ssh_channel channel = ssh_channel_new(session);
  Require(ssh_channel_open_session(channel) == SSH_OK, session);
  Require(ssh_channel_request_exec(channel, command.c_str()) == SSH_OK, session);
  const auto size = static_cast<uint32_t>(input.size());
  Require(ssh_channel_write(channel, input.data(), size) == static_cast<int>(size), session);
  Require(ssh_channel_send_eof(channel) == SSH_OK, session);
  std::string output;
  char piece[65536];
  int count;
  while ((count = ssh_channel_read(channel, piece, sizeof piece, 0)) > 0) {
    output.append(piece, static_cast<size_t>(count));
  }
  Require(count == 0, session);
  ssh_channel_free(channel);
  ssh_disconnect(session);
  ssh_free(session);
  return output;
}

}  // namespace

std::vector<std::string> RunBareLoop(const std::vector<SshAccount>& accounts, const std::string& command,
                                     const std::string& input) {
  std::vector<std::string> outputs(accounts.size());
  std::vector<std::exception_ptr> failures(accounts.size());
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < accounts.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          outputs[i] = RunOn(accounts[i], command, input);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
  }  // joins
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return outputs;
}

}  // namespace passthrough
