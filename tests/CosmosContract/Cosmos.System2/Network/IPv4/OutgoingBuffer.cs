using Cosmos.HAL;

namespace Cosmos.System.Network.IPv4;

public static class OutgoingBuffer
{
    public static void AddPacket(IPPacket packet, NetworkDevice device) => throw null;
}
