using System;

namespace VirtioGuest.Kernel;

/// <summary>
/// Heap set aside for the report of an exception that nobody handles: to print an <see cref="OutOfMemoryException"/>
/// with its stack trace takes memory too.
/// </summary>
internal static class OutOfMemoryReserve
{
    private const int Blocks = 64;

    // Small enough for the ordinary generations, where the report's own objects go.
    private const int BlockLength = 8 * 1024;

    private static byte[][]? s_blocks;

    /// <summary>Sets the memory aside; it is given up when an exception is about to end the machine.</summary>
    public static void SetAside()
    {
        var blocks = new byte[Blocks][];
        for (int i = 0; i < Blocks; i++)
        {
            blocks[i] = new byte[BlockLength];
        }

        s_blocks = blocks;
        AppDomain.CurrentDomain.UnhandledException += (_, _) => GiveUp();
    }

    private static void GiveUp()
    {
        s_blocks = null;
        GC.Collect();
    }
}
