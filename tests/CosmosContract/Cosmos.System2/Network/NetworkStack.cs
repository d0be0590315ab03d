namespace Cosmos.System.Network;

public static class NetworkStack
{
    public static void Update() => throw null;
}
