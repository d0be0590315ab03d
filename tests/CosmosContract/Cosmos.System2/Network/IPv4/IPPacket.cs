namespace Cosmos.System.Network.IPv4;

public class IPPacket : EthernetPacket
{
    internal IPPacket() => throw null;

    protected IPPacket(ushort dataLength, byte protocol, Address source, Address dest, byte Flags) => throw null;
}
