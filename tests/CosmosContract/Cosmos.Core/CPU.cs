namespace Cosmos.Core;

public static class CPU
{
    public static ulong GetCPUUptime() => throw null;
}
