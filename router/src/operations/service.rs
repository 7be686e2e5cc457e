//! Graphs, identities, channels, and the server itself. Those that are not about one graph reach the shard that owns the
//! graph of this client.

use rmpv::Value;
use serde::Serialize;

use super::{Done, operations};
use crate::error::RouterError;
use crate::graph::GraphClient;

operations! {
    /// Creates a graph of type `Agent`, `Team`, `Global` or `Commons`.
    create_graph = "CreateGraph"(graph_name: &str, graph_type: &str) -> Done;
    /// Deletes a graph for good.
    delete_graph = "DeleteGraph"(graph_name: &str) -> Done;
    /// Name and type of every graph on the shard.
    list_graphs = "ListGraphs"() -> Vec<Value>;
    /// Whether the server answers.
    ping = "Ping"() -> String;
    /// State, version and optional operations of the server.
    health = "Health"() -> Value;
    /// Makes everything durable that is not yet.
    checkpoint = "Checkpoint"() -> String;
    /// Ends the server after its answer.
    shutdown = "Shutdown"() -> Done;
    /// Registers an agent: from then on access is controlled. The role is `"Agent"`, `"System"` or a map with `Manager`. The
    /// reference has `roles` beside it from 2.27 on, and requests with it are signed over them; our server passes over them.
    register_identity = "RegisterIdentity"(
        agent_id: &str,
        role: impl Serialize + Sync,
        teams: &[&str],
        signature: &str,
        roles: &[&str]
    ) -> Done;
    /// Opens a channel of type `Group` or `PeerToPeer`.
    create_channel =
        "CreateChannel"(channel_id: &str, channel_type: &str, creator: &str, initial_members: &[&str]) -> Done;
    /// Adds a member.
    join_channel = "JoinChannel"(channel_id: &str, agent_id: &str) -> Done;
    /// Removes a member; the answer to the last is the closing record.
    leave_channel = "LeaveChannel"(channel_id: &str, agent_id: &str) -> Value;
    /// Closes a channel and returns its record.
    close_channel = "CloseChannel"(
        channel_id: &str,
        summary_embedding: Option<&[f32]>,
        topic_metadata: Option<&str>
    ) -> Value;
    /// Sends a message as a member.
    send_message = "SendMessage"(channel_id: &str, sender: &str, payload: &str) -> Done;
    /// The last messages, oldest first; all without a limit.
    channel_messages = "GetChannelMessages"(channel_id: &str, limit: Option<u64>) -> Vec<Value>;
    /// The open channels.
    list_channels = "ListChannels"() -> Vec<Value>;
    /// The members of a channel.
    channel_members = "GetChannelMembers"(channel_id: &str) -> Vec<String>;
}
