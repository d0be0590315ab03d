namespace Cosmos.System;

public static class Power
{
    public static void Reboot() => throw null;

    public static void Shutdown() => throw null;
}
