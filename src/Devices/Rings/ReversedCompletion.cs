namespace VirtioGuest.Devices.Rings;

/// <summary>Waits until there is nothing more to take, and then uses all buffers, the newest first.</summary>
public sealed class ReversedCompletion : CompletionPolicy
{
    /// <inheritdoc/>
    public override int Count(int finished, bool isIdle) => isIdle ? finished : 0;

    /// <inheritdoc/>
    public override int Pick(int finished) => finished - 1;
}
