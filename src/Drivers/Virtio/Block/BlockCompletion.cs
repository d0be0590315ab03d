namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>A request that has ended.</summary>
public struct BlockCompletion
{
    /// <summary>What the caller gave with the request.</summary>
    public int Token;

    /// <summary>How it ended.</summary>
    public BlockStatus Status;

    /// <summary>Describes a request that has ended.</summary>
    public BlockCompletion(int token, BlockStatus status)
    {
        Token = token;
        Status = status;
    }
}
