namespace Cosmos.Core;

public static class IOPort
{
    public static byte Read8(int aPort) => throw null;

    public static ushort Read16(int aPort) => throw null;

    public static uint Read32(int aPort) => throw null;

    public static void Write8(int aPort, byte aData) => throw null;

    public static void Write16(int aPort, ushort aData) => throw null;

    public static void Write32(int aPort, uint aData) => throw null;
}
