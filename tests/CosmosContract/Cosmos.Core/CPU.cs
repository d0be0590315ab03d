namespace Cosmos.Core;

public static class CPU
{
    public static ulong GetCPUUptime() => throw null;

    public static void Halt() => throw null;
}
