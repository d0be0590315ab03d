namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>The keyboard of the machine.</summary>
internal abstract class Keyboard
{
    /// <summary>Takes the oldest key that was pressed.</summary>
    /// <param name="key">Which key.</param>
    /// <param name="character">What it types, for <see cref="Key.Character"/>.</param>
    /// <returns>False where none is waiting.</returns>
    public abstract bool TryTake(out Key key, out char character);
}
