namespace Cosmos.Core.Memory;

public static unsafe class RAT
{
    public enum PageType : byte
    {
    }

    public static uint FreePageCount;

    public static void* AllocPages(PageType aType, uint aPageCount = 1) => throw null;

    public static void Free(void* aPtr) => throw null;
}
