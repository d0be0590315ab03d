namespace VirtioGuest.Commands.Text;

/// <summary>What a person types, as bytes.</summary>
public abstract class ByteInput
{
    /// <summary>Waits for the next byte.</summary>
    public abstract byte Read();

    /// <summary>
    /// Whether bytes were lost in front of the one that <see cref="Read"/> gave last; says so once. An input that loses
    /// nothing, or does not notice, never does.
    /// </summary>
    public virtual bool TakeLoss() => false;
}
