namespace Cosmos.System.Network.IPv4;

public class ICMPPacket : IPPacket
{
    internal ICMPPacket() => throw null;
}
