using Cosmos.System.Network.IPv4;

namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>The ICMP client of Cosmos' stack, without the wait and the fixed payload of its own.</summary>
internal sealed class EchoClient : ICMPClient
{
    /// <summary>Takes the oldest message that came.</summary>
    /// <returns>The whole frame, or null where there is none.</returns>
    internal byte[]? Take() => rxBuffer.Count == 0 ? null : rxBuffer.Dequeue().RawData;
}
