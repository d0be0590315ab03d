using VirtioGuest.Cosmos.Block;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>A partition with a file system that is in use.</summary>
internal sealed class MountedVolume
{
    /// <summary>Takes note of one.</summary>
    /// <param name="device">The disk.</param>
    /// <param name="partition">Where on it.</param>
    /// <param name="root">How its paths start, for example <c>0:\</c>.</param>
    internal MountedVolume(VirtioBlockDevice device, PartitionExtent partition, string root)
    {
        Device = device;
        Partition = partition;
        Root = root;
    }

    /// <summary>The disk.</summary>
    internal VirtioBlockDevice Device { get; }

    /// <summary>Where on it.</summary>
    internal PartitionExtent Partition { get; }

    /// <summary>How its paths start.</summary>
    internal string Root { get; }
}
