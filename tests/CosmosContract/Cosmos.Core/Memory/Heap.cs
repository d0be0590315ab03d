namespace Cosmos.Core.Memory;

public static class Heap
{
    public static int Collect() => throw null;
}
