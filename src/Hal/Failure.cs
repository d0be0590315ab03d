namespace VirtioGuest.Hal;

/// <summary>
/// Why something could not be done. It is worded where it arises, and made a sentence of by whoever tells people.
/// </summary>
/// <remarks>A method that returns one returns null where there is nothing to tell.</remarks>
public sealed class Failure
{
    private readonly string _words;
    private readonly bool _isSentence;

    /// <summary>Words a failure.</summary>
    /// <param name="words">
    /// The end of a sentence that starts with what could not do it: <c>does not finish its reset</c>.
    /// </param>
    /// <param name="isSentence">
    /// Whether it is a sentence already, because something else is to blame: <c>the link is down</c>.
    /// </param>
    public Failure(string words, bool isSentence = false)
    {
        _words = words;
        _isSentence = isSentence;
    }

    /// <summary>The sentence, without a capital letter and a full stop.</summary>
    /// <param name="subject">What could not do it, for example <c>the device</c>.</param>
    public string Of(string subject) => _isSentence ? _words : subject + " " + _words;

    /// <summary>The same failure with more words at its end.</summary>
    /// <param name="words">For example <c>as soon as it is live</c>.</param>
    public Failure Adding(string words) => new Failure(_words + " " + words, _isSentence);

    /// <summary>The words alone, for a debugger or a test; people are told a sentence.</summary>
    public override string ToString() => _words;
}
